# The image networks of `bench step` in PyTorch eager: torchvision's and timm's own definitions, in training mode, so that
# batch normalisation takes the statistics of the batch, and torch.optim.
#   python bench/peers/pytorch_images.py --model resnet18 [--layout channels_last] [--optimizer adamw] [--device cuda|mps|auto]
# Needs torch, numpy and torchvision; for vision transformers also timm.

import common

MODELS = ["resnet18", "resnet50", "mobilenet-v2", "mobilenet-v3-small", "vit-tiny", "vit-small", "vit-base"]
o = common.options(
    "One training step of an image network in PyTorch eager",
    sizes=dict(image=224, labels=1000),
    model=dict(choices=MODELS, required=True),
    layout=dict(choices=["nchw", "channels_last"], default="nchw"),
    optimizer=dict(choices=["adamw", "sgd"], default="adamw"),
    device=dict(default="cpu"),
)

import torch  # noqa: E402  (after the thread settings)
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import torch_device  # noqa: E402

torch.set_num_threads(o.threads)
device = torch_device.pick(o.device)
from vision import torchvision  # noqa: E402


def network():
    if o.model.startswith("vit"):
        import timm

        return timm.create_model(f"{o.model.replace('-', '_')}_patch16_224", img_size=o.image, num_classes=o.labels)
    return getattr(torchvision.models, o.model.replace("-v", "_v").replace("-", "_"))(num_classes=o.labels)


torch.manual_seed(o.seed)
layout = torch.channels_last if o.layout == "channels_last" else torch.contiguous_format
model = network().train().to(device, memory_format=layout)
images = torch.randn(o.batch, 3, o.image, o.image).to(device, memory_format=layout)
labels = (torch.arange(o.batch) % o.labels).to(device)
if o.optimizer == "adamw":
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-4, betas=(common.BETA1, common.BETA2), eps=common.EPSILON, weight_decay=common.DECAY
    )
else:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def step():
    """As ortune's step: with AdamW the gradient is clipped, with SGD not."""
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), common.CLIP).item() if o.optimizer == "adamw" else None
    optimizer.step()
    torch_device.wait_for(device)
    return loss.item(), norm


parameters = sum(p.numel() for p in model.parameters())
about = dict(model=o.model, layout=o.layout, optimizer=o.optimizer, parameters=parameters)
about["device"] = torch_device.name_of(device)
common.measure(o, step, torch_device.gemm_on(device), peer="PyTorch", version=torch.__version__, **about)
