"""Files of weights of the published bilayer networks with random numbers, and the same networks in plain PyTorch."""

import pathlib

import numpy as np

from faceswap_lib.reenactment.bilayer.loading import BUILDERS, FILES
from faceswap_lib.reenactment.bilayer.options import BilayerOptions
from faceswap_lib.reenactment.bilayer.state_dict import StateDict, fill
from tests.reenactment.torch_files import write_weights

NARROW = {
    **{"image_size": 32, "emb_num_channels": 4, "emb_max_channels": 16, "emb_output_tensor_size": 4},
    **{"tex_num_channels": 4, "tex_max_channels": 16, "inf_num_channels": 2, "inf_max_channels": 8},
    **{"pse_num_channels": 8, "enh_num_channels": 4, "enh_max_channels": 8, "enh_bottleneck_tensor_size": 16},
    **{"enh_num_blocks": 2, "enh_unrolling_depth": 2},
}
"""The published networks, with few channels and small pictures."""


class Recorder(StateDict):
    """Notes which arrays are taken."""

    def __init__(self):
        self.shapes = {}

    def take(self, name, shape):
        assert name not in self.shapes, name
        self.shapes[name] = shape
        return np.ones(shape)


def list_taken(options: BilayerOptions) -> dict[str, dict[str, tuple[int, ...]]]:
    """Shapes of the arrays of each file that the networks take, by name."""
    found = {}
    for name, builders in BUILDERS.items():
        recorder = Recorder()
        for build in builders:
            fill(build(options), recorder, options.eps)
        if name == "inference_generator":
            recorder.take("identity_grid", (1, options.image_size, options.image_size, 2))
        found[name] = recorder.shapes
    return found


def random_arrays(shapes: dict[str, tuple[int, ...]], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random arrays with the largest spectral norms about 1, as after a training."""
    arrays = {}
    for name, shape in shapes.items():
        if name.endswith("weight_orig"):
            kernel = rng.normal(size=shape)
            left, _, right = np.linalg.svd(kernel.reshape(len(kernel), -1), full_matrices=False)
            arrays[name] = kernel
            # The power iteration is never finished, so the vectors are not quite the singular ones.
            arrays[name.replace("_orig", "_u")] = left[:, 0] + 0.1 * rng.normal(size=len(kernel)) / len(kernel) ** 0.5
            arrays[name.replace("_orig", "_v")] = right[0]
        elif name.endswith(("weight_u", "weight_v")):
            continue
        elif name.endswith("running_var"):
            arrays[name] = rng.uniform(0.3, 2, shape)
            arrays[name.replace("running_var", "num_batches_tracked")] = np.array(500.0)
        elif name == "identity_grid":
            centers = (2 * np.arange(shape[1]) + 1) / shape[1] - 1
            arrays[name] = np.stack(np.meshgrid(centers, centers), axis=-1)[None]
        else:
            scale = 1.0 if name.endswith(("pixel_feats", "gen_tex_input", "feats.0.weight")) else 0.3
            arrays[name] = scale * rng.normal(size=shape)
    return {name: np.asarray(array, np.float32) for name, array in arrays.items()}


def write_bilayer(runs: pathlib.Path, *, narrow: bool = True, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Writes five files and their options as the published download has them; returns the arrays."""
    options = BilayerOptions(**NARROW if narrow else {})
    rng, written = np.random.default_rng(seed), {}
    for name, shapes in list_taken(options).items():
        run = runs / ("vc2-hq_adrianb_paper_enhancer" if name == "texture_enhancer" else "vc2-hq_adrianb_paper_main")
        (run / "checkpoints").mkdir(parents=True, exist_ok=True)
        written[name] = random_arrays(shapes, rng)
        write_weights(run / "checkpoints" / FILES[name], written[name])
    stated = {**(NARROW if narrow else {}), "eps": "1e-07", "inf_norm_layer_type": "ada_bn", "batch_size": 40}
    (run / "args.txt").write_text("".join(f"{name}: {value}\n" for name, value in sorted(stated.items())))
    return written


class TorchNetworks:
    """The networks in plain PyTorch, channels first, from the same arrays.

    Args:
        torch: The module.
        files: The arrays of each file.
        options: Their options.
    """

    def __init__(self, torch, files, options: BilayerOptions):
        self.torch, self.f, self.options = torch, torch.nn.functional, options
        self.arrays = {
            f"{file}:{name}": torch.from_numpy(array)
            for file, arrays in files.items()
            for name, array in arrays.items()
        }

    def kernel(self, name):
        kernel = self.arrays[f"{name}.weight_orig"]
        return kernel / (self.arrays[f"{name}.weight_u"] @ kernel.flatten(1) @ self.arrays[f"{name}.weight_v"])

    def convolve(self, name, x):
        kernel = self.kernel(name)
        return self.f.conv2d(x, kernel, self.arrays[f"{name}.bias"], padding=kernel.shape[-1] // 2)

    def linear(self, name, x):
        return self.f.linear(x, self.kernel(name), self.arrays[f"{name}.bias"])

    def leaky(self, x):
        return self.f.leaky_relu(x, 0.2)

    def double(self, x):
        return self.f.interpolate(x, scale_factor=2, mode="nearest")

    def normalize(self, name, x, *, affine):
        more = [self.arrays[f"{name}.{word}"] for word in ("weight", "bias")] if affine else [None, None]
        mean, var = (self.arrays[f"{name}.running_{word}"] for word in ("mean", "var"))
        return self.f.batch_norm(x, mean, var, *more, training=False, eps=self.options.eps)

    def pointwise(self, x, weight, bias):
        return self.torch.einsum("bdc,bchw->bdhw", weight, x.expand(len(weight), -1, -1, -1)) + bias[..., None, None]

    def plain(self, name, x, resize=""):
        first = 2 if resize == "up" else 1
        grown = self.double if resize == "up" else lambda y: y
        shrunk = (lambda y: self.f.avg_pool2d(y, 2)) if resize == "down" else lambda y: y
        features = self.leaky(self.convolve(f"{name}.block_feats.{first}", grown(self.leaky(x))))
        y = shrunk(self.convolve(f"{name}.block.0", features))
        skip = f"{name}.skip.{first - 1}"
        z = grown(x)
        return y + shrunk(self.convolve(skip, z) if f"{skip}.weight_orig" in self.arrays else z), features

    def embed(self, photo, person, stick):
        x = self.torch.cat([photo * person - (1 - person), stick], 1)
        name = "identity_embedder:net"
        x, index, found = self.convolve(f"{name}.enc.0", x), 1, []
        while f"{name}.enc.{index}.block.0.bias" in self.arrays:
            x, _ = self.plain(f"{name}.enc.{index}", x, "down")
            index += 1
        index = 0
        while f"{name}.dec_blocks.{index}.block.0.bias" in self.arrays:
            x, features = self.plain(f"{name}.dec_blocks.{index}", x)
            found.append(features)
            index += 1
        return found

    def project(self, name, embedding, rows):
        """Weights and biases of all layers of a block."""
        side = int((rows * self.kernel(f"{name}.0.0").shape[1] / embedding.shape[1]) ** 0.5 + 0.5)
        x = self.f.adaptive_avg_pool2d(embedding, side).reshape(len(embedding), rows, -1)
        index, found = 0, []
        while f"{name}.{index}.0.bias" in self.arrays:
            y = x
            for layer in range(3):
                y = self.linear(f"{name}.{index}.{layer}", y)
            found.append((y[..., :-1], y[..., -1]))
            index += 1
        return found

    def spade(self, name, x, pairs):
        feats = self.arrays[f"{name}.pixel_feats"]
        factor, offset = (self.pointwise(feats, *pair) for pair in pairs)
        return self.normalize(f"{name}.norm_layer", x, affine=False) * (factor + 1) + offset

    def texture(self, embeddings):
        name, carried = "texture_generator:gen_tex", []
        x = self.arrays["texture_generator:gen_tex_input"].repeat(len(embeddings[0]), 1, 1, 1)
        for index, embedding in enumerate(embeddings):
            block = f"{name}.blocks.{index}"
            pairs = self.project(f"texture_generator:prj_tex.fc_blocks.{index}", embedding, embedding.shape[1])
            first = f"{block}.block_feats.0"
            y = self.spade(first, x, carried) if carried else self.normalize(first, x, affine=True)
            y = self.convolve(f"{block}.block_feats.3", self.double(self.leaky(y)))
            y = self.convolve(f"{block}.block.0", self.leaky(self.spade(f"{block}.block_feats.4", y, pairs[:2])))
            x = y + self.pointwise(self.double(x), *pairs[2])
            carried = pairs[3:]
        x = self.leaky(self.spade(f"{name}.blocks.{len(embeddings)}", x, carried))
        return self.torch.tanh(self.convolve(f"{name}.heads.0.0", x))

    def adapt(self, name, x, pair):
        weight, bias = pair
        y = self.normalize(f"{name}.norm_layer", x, affine=False)
        return y * (weight[..., None] + 1) + bias[..., None, None]

    def infer(self, embeddings, landmarks):
        x, index = landmarks, 0
        while f"keypoints_embedder:net.mlp.{index}.bias" in self.arrays:
            x = self.linear(f"keypoints_embedder:net.mlp.{index}", self.leaky(x) if index else x)
            index += 2
        side = self.options.inf_input_tensor_size
        x = x.view(len(x), -1, side, side)
        name, carried = "inference_generator:gen_inf", None
        for index, embedding in enumerate(embeddings):
            block = f"{name}.blocks.{index}"
            rows = len(self.arrays[f"{block}.block.1.bias"])
            second, skip, following = self.project(f"inference_generator:prj_inf.fc_blocks.{index}", embedding, rows)
            first = f"{block}.block_feats.0"
            y = self.adapt(first, x, carried) if carried else self.normalize(first, x, affine=True)
            y = self.adapt(f"{block}.block_feats.3", self.convolve(f"{block}.block_feats.2", self.leaky(y)), second)
            y = self.convolve(f"{block}.block.1", self.double(self.leaky(y)))
            x, carried = y + self.pointwise(self.double(x), *skip), following
        x = self.leaky(self.adapt(f"{name}.blocks.{len(embeddings)}", x, carried))
        flow, low, logit = (self.convolve(f"{name}.heads.{k}.0", x) for k in range(3))
        return self.torch.tanh(flow), self.torch.tanh(low), self.torch.sigmoid(logit)

    def sample(self, texture, flow):
        grid = self.arrays["inference_generator:identity_grid"] + flow.permute(0, 2, 3, 1)
        return self.f.grid_sample(texture, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def enhance(self, texture, photo, motion):
        flow, low, mask = motion
        black = mask - 1
        for _ in range(self.options.enh_unrolling_depth):
            start = texture.clone().requires_grad_()
            made = (low + self.sample(start, flow)) * mask + black
            loss = ((made - photo * mask - black) ** 2).sum() / 2
            (gradient,) = self.torch.autograd.grad(loss, start)
            x, name = self.torch.cat([texture, gradient], 1), "texture_enhancer:net.blocks"
            x = self.convolve(f"{name}.0", x)
            for index in range(1, self.options.enh_num_blocks + 3):
                middle = 1 < index < self.options.enh_num_blocks + 2
                x, _ = self.plain(f"{name}.{index}", x, "" if middle else "down" if index == 1 else "up")
            x = self.convolve(f"{name}.{self.options.enh_num_blocks + 5}", self.leaky(x))
            texture = texture + self.torch.tanh(x)
        return texture
