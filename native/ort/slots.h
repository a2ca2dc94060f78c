// The slots of the runtime's function table that ortune calls: number, name, result, parameters. Numbers
// never change (upstream asserts so); a slot that is not listed here is never called.
#pragma once

#define ORTUNE_ORT_SLOTS(SLOT)                                                                               \
  /* status */                                                                                               \
  SLOT(0, CreateStatus, OrtStatus*, (OrtErrorCode code, const char* message))                                \
  SLOT(1, GetErrorCode, OrtErrorCode, (const OrtStatus* status))                                             \
  SLOT(2, GetErrorMessage, const char*, (const OrtStatus* status))                                           \
  SLOT(93, ReleaseStatus, void, (OrtStatus * status))                                                        \
  /* environment; ReleaseEnv is never called: the environment lives as long as the process */                \
  SLOT(3, CreateEnv, OrtStatus*, (OrtLoggingLevel level, const char* id, OrtEnv** env))                      \
  SLOT(6, DisableTelemetryEvents, OrtStatus*, (const OrtEnv* env))                                           \
  SLOT(151, CreateEnvWithCustomLoggerAndGlobalThreadPools, OrtStatus*,                                       \
       (OrtLoggingFunction logger, void* parameter, OrtLoggingLevel level, const char* id,                   \
        const OrtThreadingOptions* threading, OrtEnv** env))                                                 \
  SLOT(226, UpdateEnvWithCustomLogLevel, OrtStatus*, (OrtEnv * env, OrtLoggingLevel level))                  \
  SLOT(121, CreateThreadingOptions, OrtStatus*, (OrtThreadingOptions * *threading))                          \
  SLOT(122, ReleaseThreadingOptions, void, (OrtThreadingOptions * threading))                                \
  SLOT(144, CreateAndRegisterAllocator, OrtStatus*,                                                          \
       (OrtEnv * env, const OrtMemoryInfo* memory, const OrtArenaCfg* arena))                                \
  SLOT(147, SetGlobalIntraOpNumThreads, OrtStatus*, (OrtThreadingOptions * threading, int threads))          \
  SLOT(148, SetGlobalInterOpNumThreads, OrtStatus*, (OrtThreadingOptions * threading, int threads))          \
  SLOT(149, SetGlobalSpinControl, OrtStatus*, (OrtThreadingOptions * threading, int spin))                   \
  SLOT(155, SetGlobalDenormalAsZero, OrtStatus*, (OrtThreadingOptions * threading))                          \
  SLOT(157, ReleaseArenaCfg, void, (OrtArenaCfg * arena))                                                    \
  SLOT(164, CreateArenaCfgV2, OrtStatus*,                                                                    \
       (const char* const* keys, const size_t* values, size_t count, OrtArenaCfg** arena))                   \
  SLOT(125, GetAvailableProviders, OrtStatus*, (char*** names, int* count))                                  \
  SLOT(126, ReleaseAvailableProviders, OrtStatus*, (char** names, int count))                                \
  /* session options */                                                                                      \
  SLOT(10, CreateSessionOptions, OrtStatus*, (OrtSessionOptions * *options))                                 \
  SLOT(11, SetOptimizedModelFilePath, OrtStatus*, (OrtSessionOptions * options, const OrtPathChar* path))    \
  SLOT(14, EnableProfiling, OrtStatus*, (OrtSessionOptions * options, const OrtPathChar* prefix))            \
  SLOT(17, DisableMemPattern, OrtStatus*, (OrtSessionOptions * options))                                     \
  SLOT(22, SetSessionLogSeverityLevel, OrtStatus*, (OrtSessionOptions * options, int level))                 \
  SLOT(23, SetSessionGraphOptimizationLevel, OrtStatus*,                                                     \
       (OrtSessionOptions * options, GraphOptimizationLevel level))                                          \
  SLOT(24, SetIntraOpNumThreads, OrtStatus*, (OrtSessionOptions * options, int threads))                     \
  SLOT(28, AddCustomOpDomain, OrtStatus*, (OrtSessionOptions * options, OrtCustomOpDomain * domain))         \
  SLOT(100, ReleaseSessionOptions, void, (OrtSessionOptions * options))                                      \
  SLOT(120, DisablePerSessionThreads, OrtStatus*, (OrtSessionOptions * options))                             \
  SLOT(130, AddSessionConfigEntry, OrtStatus*,                                                               \
       (OrtSessionOptions * options, const char* key, const char* value))                                    \
  SLOT(150, AddInitializer, OrtStatus*,                                                                      \
       (OrtSessionOptions * options, const char* name, const OrtValue* value))                               \
  SLOT(210, AddExternalInitializers, OrtStatus*,                                                             \
       (OrtSessionOptions * options, const char* const* names, const OrtValue* const* values, size_t count)) \
  SLOT(216, SessionOptionsAppendExecutionProvider, OrtStatus*,                                               \
       (OrtSessionOptions * options, const char* provider, const char* const* keys,                          \
        const char* const* values, size_t count))                                                            \
  SLOT(204, SessionOptionsAppendExecutionProvider_CUDA_V2, OrtStatus*,                                       \
       (OrtSessionOptions * options, const OrtCUDAProviderOptionsV2* cuda))                                  \
  SLOT(205, CreateCUDAProviderOptions, OrtStatus*, (OrtCUDAProviderOptionsV2 * *cuda))                       \
  SLOT(206, UpdateCUDAProviderOptions, OrtStatus*,                                                           \
       (OrtCUDAProviderOptionsV2 * cuda, const char* const* keys, const char* const* values, size_t count))  \
  SLOT(208, ReleaseCUDAProviderOptions, void, (OrtCUDAProviderOptionsV2 * cuda))                             \
  SLOT(273, SetDeterministicCompute, OrtStatus*, (OrtSessionOptions * options, bool deterministic))          \
  /* custom-op domain */                                                                                     \
  SLOT(26, CreateCustomOpDomain, OrtStatus*, (const char* name, OrtCustomOpDomain** domain))                 \
  SLOT(27, CustomOpDomain_Add, OrtStatus*, (OrtCustomOpDomain * domain, const OrtCustomOp* op))              \
  SLOT(101, ReleaseCustomOpDomain, void, (OrtCustomOpDomain * domain))                                       \
  /* session */                                                                                              \
  SLOT(30, SessionGetInputCount, OrtStatus*, (const OrtSession* session, size_t* count))                     \
  SLOT(31, SessionGetOutputCount, OrtStatus*, (const OrtSession* session, size_t* count))                    \
  SLOT(33, SessionGetInputTypeInfo, OrtStatus*,                                                              \
       (const OrtSession* session, size_t index, OrtTypeInfo** info))                                        \
  SLOT(34, SessionGetOutputTypeInfo, OrtStatus*,                                                             \
       (const OrtSession* session, size_t index, OrtTypeInfo** info))                                        \
  SLOT(36, SessionGetInputName, OrtStatus*,                                                                  \
       (const OrtSession* session, size_t index, OrtAllocator* allocator, char** name))                      \
  SLOT(37, SessionGetOutputName, OrtStatus*,                                                                 \
       (const OrtSession* session, size_t index, OrtAllocator* allocator, char** name))                      \
  SLOT(95, ReleaseSession, void, (OrtSession * session))                                                     \
  SLOT(110, SessionEndProfiling, OrtStatus*, (OrtSession * session, OrtAllocator * allocator, char** file))  \
  /* which provider runs which node */                                                                       \
  SLOT(407, Session_GetEpGraphAssignmentInfo, OrtStatus*,                                                    \
       (const OrtSession* session, const OrtEpAssignedSubgraph* const** parts, size_t* count))               \
  SLOT(408, EpAssignedSubgraph_GetEpName, OrtStatus*,                                                        \
       (const OrtEpAssignedSubgraph* part, const char** name))                                               \
  SLOT(409, EpAssignedSubgraph_GetNodes, OrtStatus*,                                                         \
       (const OrtEpAssignedSubgraph* part, const OrtEpAssignedNode* const** nodes, size_t* count))           \
  SLOT(410, EpAssignedNode_GetName, OrtStatus*, (const OrtEpAssignedNode* node, const char** name))          \
  SLOT(412, EpAssignedNode_GetOperatorType, OrtStatus*, (const OrtEpAssignedNode* node, const char** name))  \
  SLOT(166, CreatePrepackedWeightsContainer, OrtStatus*, (OrtPrepackedWeightsContainer * *container))        \
  SLOT(167, ReleasePrepackedWeightsContainer, void, (OrtPrepackedWeightsContainer * container))              \
  SLOT(169, CreateSessionFromArrayWithPrepackedWeightsContainer, OrtStatus*,                                 \
       (const OrtEnv* env, const void* model, size_t length, const OrtSessionOptions* options,               \
        OrtPrepackedWeightsContainer* container, OrtSession** session))                                      \
  /* running */                                                                                              \
  SLOT(39, CreateRunOptions, OrtStatus*, (OrtRunOptions * *options))                                         \
  SLOT(46, RunOptionsSetTerminate, OrtStatus*, (OrtRunOptions * options))                                    \
  SLOT(97, ReleaseRunOptions, void, (OrtRunOptions * options))                                               \
  SLOT(165, AddRunConfigEntry, OrtStatus*, (OrtRunOptions * options, const char* key, const char* value))    \
  SLOT(133, RunWithBinding, OrtStatus*,                                                                      \
       (OrtSession * session, const OrtRunOptions* options, const OrtIoBinding* binding))                    \
  SLOT(134, CreateIoBinding, OrtStatus*, (OrtSession * session, OrtIoBinding * *binding))                    \
  SLOT(135, ReleaseIoBinding, void, (OrtIoBinding * binding))                                                \
  SLOT(136, BindInput, OrtStatus*, (OrtIoBinding * binding, const char* name, const OrtValue* value))        \
  SLOT(137, BindOutput, OrtStatus*, (OrtIoBinding * binding, const char* name, const OrtValue* value))       \
  /* tensors */                                                                                              \
  SLOT(48, CreateTensorAsOrtValue, OrtStatus*,                                                               \
       (OrtAllocator * allocator, const int64_t* shape, size_t rank, ONNXTensorElementDataType type,         \
        OrtValue** value))                                                                                   \
  SLOT(49, CreateTensorWithDataAsOrtValue, OrtStatus*,                                                       \
       (const OrtMemoryInfo* memory, void* data, size_t bytes, const int64_t* shape, size_t rank,            \
        ONNXTensorElementDataType type, OrtValue** value))                                                   \
  SLOT(51, GetTensorMutableData, OrtStatus*, (OrtValue * value, void** data))                                \
  SLOT(55, CastTypeInfoToTensorInfo, OrtStatus*,                                                             \
       (const OrtTypeInfo* info, const OrtTensorTypeAndShapeInfo** out))                                     \
  SLOT(57, CreateTensorTypeAndShapeInfo, OrtStatus*, (OrtTensorTypeAndShapeInfo * *info))                    \
  SLOT(58, SetTensorElementType, OrtStatus*,                                                                 \
       (OrtTensorTypeAndShapeInfo * info, ONNXTensorElementDataType type))                                   \
  SLOT(59, SetDimensions, OrtStatus*, (OrtTensorTypeAndShapeInfo * info, const int64_t* dims, size_t rank))  \
  SLOT(60, GetTensorElementType, OrtStatus*,                                                                 \
       (const OrtTensorTypeAndShapeInfo* info, ONNXTensorElementDataType* type))                             \
  SLOT(61, GetDimensionsCount, OrtStatus*, (const OrtTensorTypeAndShapeInfo* info, size_t* rank))            \
  SLOT(62, GetDimensions, OrtStatus*, (const OrtTensorTypeAndShapeInfo* info, int64_t* dims, size_t rank))   \
  SLOT(64, GetTensorShapeElementCount, OrtStatus*, (const OrtTensorTypeAndShapeInfo* info, size_t* count))   \
  SLOT(65, GetTensorTypeAndShape, OrtStatus*, (const OrtValue* value, OrtTensorTypeAndShapeInfo** info))     \
  SLOT(96, ReleaseValue, void, (OrtValue * value))                                                           \
  SLOT(98, ReleaseTypeInfo, void, (OrtTypeInfo * info))                                                      \
  SLOT(99, ReleaseTensorTypeAndShapeInfo, void, (OrtTensorTypeAndShapeInfo * info))                          \
  /* memory */                                                                                               \
  SLOT(68, CreateMemoryInfo, OrtStatus*,                                                                     \
       (const char* name, OrtAllocatorType type, int id, OrtMemType memory, OrtMemoryInfo** info))           \
  SLOT(69, CreateCpuMemoryInfo, OrtStatus*,                                                                  \
       (OrtAllocatorType type, OrtMemType memory, OrtMemoryInfo * *info))                                    \
  SLOT(76, AllocatorFree, OrtStatus*, (OrtAllocator * allocator, void* block))                               \
  SLOT(78, GetAllocatorWithDefaultOptions, OrtStatus*, (OrtAllocator * *allocator))                          \
  SLOT(131, CreateAllocator, OrtStatus*,                                                                     \
       (const OrtSession* session, const OrtMemoryInfo* info, OrtAllocator** allocator))                     \
  SLOT(132, ReleaseAllocator, void, (OrtAllocator * allocator))                                              \
  SLOT(94, ReleaseMemoryInfo, void, (OrtMemoryInfo * info))                                                  \
  /* kernels of the custom-op domain */                                                                      \
  SLOT(85, KernelInfoGetAttribute_float, OrtStatus*,                                                         \
       (const OrtKernelInfo* info, const char* name, float* value))                                          \
  SLOT(86, KernelInfoGetAttribute_int64, OrtStatus*,                                                         \
       (const OrtKernelInfo* info, const char* name, int64_t* value))                                        \
  SLOT(87, KernelInfoGetAttribute_string, OrtStatus*,                                                        \
       (const OrtKernelInfo* info, const char* name, char* text, size_t* length))                            \
  SLOT(163, KernelInfoGetAttributeArray_int64, OrtStatus*,                                                   \
       (const OrtKernelInfo* info, const char* name, int64_t* values, size_t* count))                        \
  SLOT(230, KernelInfo_GetInputCount, OrtStatus*, (const OrtKernelInfo* info, size_t* count))                \
  SLOT(231, KernelInfo_GetOutputCount, OrtStatus*, (const OrtKernelInfo* info, size_t* count))               \
  SLOT(244, KernelInfo_GetNodeName, OrtStatus*, (const OrtKernelInfo* info, char* name, size_t* length))     \
  SLOT(88, KernelContext_GetInputCount, OrtStatus*, (const OrtKernelContext* context, size_t* count))        \
  SLOT(89, KernelContext_GetOutputCount, OrtStatus*, (const OrtKernelContext* context, size_t* count))       \
  SLOT(90, KernelContext_GetInput, OrtStatus*,                                                               \
       (const OrtKernelContext* context, size_t index, const OrtValue** value))                              \
  SLOT(91, KernelContext_GetOutput, OrtStatus*,                                                              \
       (OrtKernelContext * context, size_t index, const int64_t* dims, size_t rank, OrtValue** value))       \
  SLOT(274, KernelContext_ParallelFor, OrtStatus*,                                                           \
       (const OrtKernelContext* context, void (*body)(void*, size_t), size_t total, size_t batches,          \
        void* data))                                                                                         \
  SLOT(277, KernelContext_GetScratchBuffer, OrtStatus*,                                                      \
       (const OrtKernelContext* context, const OrtMemoryInfo* memory, size_t bytes, void** block))           \
  /* shape inference of the custom-op domain */                                                              \
  SLOT(267, ShapeInferContext_GetInputCount, OrtStatus*,                                                     \
       (const OrtShapeInferContext* context, size_t* count))                                                 \
  SLOT(268, ShapeInferContext_GetInputTypeShape, OrtStatus*,                                                 \
       (const OrtShapeInferContext* context, size_t index, OrtTensorTypeAndShapeInfo** info))                \
  SLOT(270, ShapeInferContext_SetOutputTypeShape, OrtStatus*,                                                \
       (const OrtShapeInferContext* context, size_t index, const OrtTensorTypeAndShapeInfo* info))
