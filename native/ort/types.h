// Types of the runtime's C ABI that ortune touches, declared by ourselves because no npm package ships the
// header. Handles are opaque. Enumerations carry only the values used; their width is an int on every
// supported platform. scripts/check-ort-abi.mjs compares these and slots.h with an official header. Layout
// rules: upstream only ever appends to its tables, so a newer library stays compatible.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_WIN32)
#define ORT_CALL __stdcall
using OrtPathChar = wchar_t;
#else
#define ORT_CALL
using OrtPathChar = char;
#endif

struct OrtApi;
struct OrtEnv;
struct OrtStatus;
struct OrtSession;
struct OrtSessionOptions;
struct OrtRunOptions;
struct OrtThreadingOptions;
struct OrtMemoryInfo;
struct OrtArenaCfg;
struct OrtValue;
struct OrtIoBinding;
struct OrtPrepackedWeightsContainer;
struct OrtTypeInfo;
struct OrtTensorTypeAndShapeInfo;
struct OrtCustomOpDomain;
struct OrtKernelInfo;
struct OrtKernelContext;
struct OrtShapeInferContext;
struct OrtKeyValuePairs;
struct OrtCUDAProviderOptionsV2;
struct OrtEpAssignedSubgraph;
struct OrtEpAssignedNode;

enum OrtErrorCode { ORT_OK = 0, ORT_FAIL = 1, ORT_INVALID_ARGUMENT = 2 };
enum OrtLoggingLevel {
  ORT_LOGGING_LEVEL_INFO = 1,
  ORT_LOGGING_LEVEL_WARNING = 2,
  ORT_LOGGING_LEVEL_ERROR = 3,
  ORT_LOGGING_LEVEL_FATAL = 4
};
typedef void(ORT_CALL* OrtLoggingFunction)(void* parameter, OrtLoggingLevel level, const char* category,
                                           const char* id, const char* place, const char* message);
enum GraphOptimizationLevel {
  ORT_DISABLE_ALL = 0,
  ORT_ENABLE_BASIC = 1,
  ORT_ENABLE_EXTENDED = 2,
  ORT_ENABLE_ALL = 99
};
enum OrtAllocatorType { OrtDeviceAllocator = 0, OrtArenaAllocator = 1 };
enum OrtMemType { OrtMemTypeDefault = 0 };

// Equal to TensorProto.DataType.
enum ONNXTensorElementDataType : int {
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED = 0,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 = 3,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16 = 4,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 = 5,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 = 6,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 = 7,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING = 8,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL = 9,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 = 10,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE = 11,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32 = 12,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64 = 13,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 = 16,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT4 = 21,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT4 = 22
};

// What GetInputCharacteristic and GetOutputCharacteristic answer.
enum OrtCustomOpInputOutputCharacteristic {
  INPUT_OUTPUT_REQUIRED = 0,
  INPUT_OUTPUT_OPTIONAL = 1,
  INPUT_OUTPUT_VARIADIC = 2
};

// Only ever received from the runtime (the default allocator), never made here; later members are left out.
struct OrtAllocator {
  uint32_t version;
  void*(ORT_CALL* Alloc)(OrtAllocator* self, size_t bytes);
  void(ORT_CALL* Free)(OrtAllocator* self, void* block);
};

// Filled by native/session/custom_ops.cc. The runtime calls by pointer and reads as many members as `version`
// had: set it to kCustomOpVersion. The object must outlive every session that uses it.
struct OrtCustomOp {
  uint32_t version;
  void*(ORT_CALL* CreateKernel)(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info);
  const char*(ORT_CALL* GetName)(const OrtCustomOp* op);
  const char*(ORT_CALL* GetExecutionProviderType)(const OrtCustomOp* op);
  ONNXTensorElementDataType(ORT_CALL* GetInputType)(const OrtCustomOp* op, size_t index);
  size_t(ORT_CALL* GetInputTypeCount)(const OrtCustomOp* op);
  ONNXTensorElementDataType(ORT_CALL* GetOutputType)(const OrtCustomOp* op, size_t index);
  size_t(ORT_CALL* GetOutputTypeCount)(const OrtCustomOp* op);
  void(ORT_CALL* KernelCompute)(void* kernel, OrtKernelContext* context);
  void(ORT_CALL* KernelDestroy)(void* kernel);
  OrtCustomOpInputOutputCharacteristic(ORT_CALL* GetInputCharacteristic)(const OrtCustomOp* op, size_t index);
  OrtCustomOpInputOutputCharacteristic(ORT_CALL* GetOutputCharacteristic)(const OrtCustomOp* op,
                                                                          size_t index);
  OrtMemType(ORT_CALL* GetInputMemoryType)(const OrtCustomOp* op, size_t index);
  int(ORT_CALL* GetVariadicInputMinArity)(const OrtCustomOp* op);
  int(ORT_CALL* GetVariadicInputHomogeneity)(const OrtCustomOp* op);
  int(ORT_CALL* GetVariadicOutputMinArity)(const OrtCustomOp* op);
  int(ORT_CALL* GetVariadicOutputHomogeneity)(const OrtCustomOp* op);
  OrtStatus*(ORT_CALL* CreateKernelV2)(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info,
                                       void** kernel);
  OrtStatus*(ORT_CALL* KernelComputeV2)(void* kernel, OrtKernelContext* context);
  OrtStatus*(ORT_CALL* InferOutputShapeFn)(const OrtCustomOp* op, OrtShapeInferContext* context);
  int(ORT_CALL* GetStartVersion)(const OrtCustomOp* op);
  int(ORT_CALL* GetEndVersion)(const OrtCustomOp* op);
  // Pairs of (input, output) that may share memory; the arrays are allocated by the callee, freed by
  // Release….
  size_t(ORT_CALL* GetMayInplace)(int** inputs, int** outputs);
  void(ORT_CALL* ReleaseMayInplace)(int* inputs, int* outputs);
  size_t(ORT_CALL* GetAliasMap)(int** inputs, int** outputs);
  void(ORT_CALL* ReleaseAliasMap)(int* inputs, int* outputs);
};
