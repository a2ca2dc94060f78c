# Where PyTorch computes: a device by its name, or with "auto" the graphics card that this torch can use (of NVIDIA or AMD, or
# Apple's), else the CPU. Products are float32 throughout, as ortune's are: no TF32.

import torch


def pick(name):
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise RuntimeError(f"torch {torch.__version__} finds no graphics card: install a build for CUDA")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device(name)


def name_of(device):
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def wait_for(device):
    """Until everything that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def gemm_on(device):
    """gemm(a) -> a @ a, done when it returns; `a` goes to the device once."""
    there = {}

    def gemm(a):
        if id(a) not in there:
            there[id(a)] = torch.from_numpy(a).to(device)
        y = there[id(a)] @ there[id(a)]
        wait_for(device)
        return y

    return gemm
