# The `bench step` model in JAX: one jitted function for the whole step, parameters and optimizer state donated.
#   python bench/peers/jax_step.py

import common

o = common.options("One training step in JAX")

import jax  # noqa: E402  (after the thread settings)
import jax.numpy as jnp  # noqa: E402


def linear(p, name, x):
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def norm(p, name, x):
    mean = x.mean(-1, keepdims=True)
    centred = x - mean
    inverse = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + common.NORM_EPSILON)
    return centred * inverse * p[f"{name}.scale"] + p[f"{name}.bias"]


def attend(p, layer, x, mask):
    B, T, C = x.shape
    q, k, v = (linear(p, f"{layer}.{n}", x).reshape(B, T, o.heads, -1) for n in ("query", "key", "value"))
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / (C // o.heads) ** 0.5 + mask
    y = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores, axis=-1), v)
    return linear(p, f"{layer}.output", y.reshape(B, T, C))


def loss_of(p, ids, types, mask, labels):
    mask = (1.0 - mask[:, None, None, :].astype(jnp.float32)) * jnp.finfo(jnp.float32).min
    x = norm(p, "embeddings.norm", p["word"][ids] + p["type"][types] + p["position"][: ids.shape[1]])
    for i in range(o.layers):
        x = norm(p, f"layer.{i}.attention_norm", x + attend(p, f"layer.{i}", x, mask))
        wide = jax.nn.gelu(linear(p, f"layer.{i}.up", x), approximate=False)
        x = norm(p, f"layer.{i}.output_norm", x + linear(p, f"layer.{i}.down", wide))
    logits = linear(p, "classifier", jnp.tanh(linear(p, "pooler", x[:, 0])))
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


def update(p, m, v, t, ids, types, mask, labels):
    loss, grads = jax.value_and_grad(loss_of)(p, ids, types, mask, labels)
    total = jnp.sqrt(sum((g * g).sum() for g in grads.values()))
    scale = jnp.minimum(1.0, common.CLIP / (total + 1e-6))
    t = t + 1.0
    lr = common.LEARNING_RATE
    for name, g in grads.items():
        g = g * scale
        m[name] = common.BETA1 * m[name] + (1 - common.BETA1) * g
        v[name] = common.BETA2 * v[name] + (1 - common.BETA2) * g * g
        fixed = m[name] / (1 - common.BETA1**t)
        root = jnp.sqrt(v[name] / (1 - common.BETA2**t)) + common.EPSILON
        p[name] = p[name] * (1 - lr * common.DECAY) - lr * fixed / root
    return p, m, v, t, loss, total


compiled = jax.jit(update, donate_argnums=(0, 1, 2))
p = {name: jnp.asarray(a) for name, a in common.parameters(o).items()}
m, v = ({name: jnp.zeros_like(a) for name, a in p.items()} for _ in range(2))
state = [p, m, v, jnp.float32(0)]
data = [jnp.asarray(a, jnp.int32) for a in common.batch(o)]


def step():
    *state[:], loss, total = compiled(*state, *data)
    jax.block_until_ready(state)
    return float(loss), float(total)


product = jax.jit(lambda a: a @ a)


def gemm(a):
    return product(a).block_until_ready()


common.measure(o, step, gemm, peer="JAX", version=jax.__version__, dropout=0.0)
