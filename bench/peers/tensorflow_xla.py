# The `bench step` model in TensorFlow: the whole step is one tf.function compiled by XLA, parameters in variables.
#   python bench/peers/tensorflow_xla.py

import os

import common

o = common.options("One training step in TensorFlow with XLA", xla=dict(choices=["on", "off"], default="on"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # noqa: E402  (after the thread settings)

tf.config.threading.set_intra_op_parallelism_threads(o.threads)
tf.config.threading.set_inter_op_parallelism_threads(o.threads)

p = {name: tf.Variable(a, name=name.replace(".", "_")) for name, a in common.parameters(o).items()}
m, v = ({name: tf.Variable(tf.zeros_like(a)) for name, a in p.items()} for _ in range(2))
t = tf.Variable(0.0)
ids, types, mask, labels = (tf.constant(a, tf.int32) for a in common.batch(o))


def linear(name, x):
    return tf.matmul(x, p[f"{name}.weight"]) + p[f"{name}.bias"]


def wide_linear(name, x):
    """[B, T, C] as one product of [B * T, C]."""
    B, T, C = x.shape
    return tf.reshape(linear(name, tf.reshape(x, [B * T, C])), [B, T, -1])


def norm(name, x):
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + common.NORM_EPSILON) * p[f"{name}.scale"] + p[f"{name}.bias"]


def attend(layer, x, mask):
    B, T, C = x.shape
    heads = lambda n: tf.transpose(tf.reshape(wide_linear(f"{layer}.{n}", x), [B, T, o.heads, -1]), [0, 2, 1, 3])  # noqa: E731
    scores = tf.matmul(heads("query"), heads("key"), transpose_b=True) / (C // o.heads) ** 0.5 + mask
    y = tf.matmul(tf.nn.softmax(scores), heads("value"))
    return wide_linear(f"{layer}.output", tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [B, T, C]))


def loss_of(ids, types, mask, labels):
    mask = (1.0 - tf.cast(mask[:, None, None, :], tf.float32)) * tf.float32.min
    x = tf.gather(p["word"], ids) + tf.gather(p["type"], types) + p["position"][: ids.shape[1]]
    x = norm("embeddings.norm", x)
    for i in range(o.layers):
        x = norm(f"layer.{i}.attention_norm", x + attend(f"layer.{i}", x, mask))
        wide = tf.nn.gelu(wide_linear(f"layer.{i}.up", x), approximate=False)
        x = norm(f"layer.{i}.output_norm", x + wide_linear(f"layer.{i}.down", wide))
    logits = linear("classifier", tf.tanh(linear("pooler", x[:, 0])))
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


@tf.function(jit_compile=o.xla == "on")
def update(ids, types, mask, labels):
    with tf.GradientTape() as tape:
        loss = loss_of(ids, types, mask, labels)
    grads = {n: tf.convert_to_tensor(g) for n, g in tape.gradient(loss, p).items()}
    total = tf.sqrt(tf.add_n([tf.reduce_sum(g * g) for g in grads.values()]))
    scale = tf.minimum(1.0, common.CLIP / (total + 1e-6))
    now = t.assign_add(1.0)
    lr = common.LEARNING_RATE
    for name, g in grads.items():
        g = g * scale
        first = m[name].assign(common.BETA1 * m[name] + (1 - common.BETA1) * g)
        second = v[name].assign(common.BETA2 * v[name] + (1 - common.BETA2) * g * g)
        root = tf.sqrt(second / (1 - tf.pow(common.BETA2, now))) + common.EPSILON
        p[name].assign(p[name] * (1 - lr * common.DECAY) - lr * first / (1 - tf.pow(common.BETA1, now)) / root)
    return loss, total


def step():
    loss, total = update(ids, types, mask, labels)
    return float(loss), float(total)


@tf.function
def product(a):
    return tf.matmul(a, a)


def gemm(a):
    return product(tf.constant(a)).numpy()


name = "TensorFlow XLA" if o.xla == "on" else "TensorFlow"
common.measure(o, step, gemm, peer=name, version=tf.__version__, dropout=0.0)
