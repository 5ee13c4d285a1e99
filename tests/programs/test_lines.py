"""Lines that PyTorch's programs are full of have the same values here, dtype and shape, or are errors in both."""

import numpy as np
import pytest

import tinygrad_mnist as tg

LINES = r"""
torch.tensor(np.float64(3))
torch.tensor(3)
torch.tensor(3.)
torch.tensor(True)
torch.tensor([1, 2.5])
torch.tensor(np.ones(3))
torch.tensor(np.ones(3, dtype=np.int32))
torch.tensor([torch.tensor(1.), torch.tensor(2.)])
torch.tensor([[1, 2], [3, 4]], dtype=torch.float)
torch.arange(5)
torch.arange(0, 1, 0.1)
torch.arange(5, dtype=torch.float)
torch.arange(2, 10, 3)
torch.linspace(0, 1, steps=5)
torch.ones(3, dtype=torch.long) / 2
torch.ones(3).long() // 2
torch.tensor(7) // 2
-torch.tensor(7) // 2
torch.tensor(-7) % 3
torch.tensor(7) / 2
torch.tensor([1, 2]) * 1.5
torch.tensor([1, 2]) ** 2
torch.tensor([1, 2]) ** -1.0
2 ** torch.tensor([1, 2])
torch.tensor([True, False]) + 1
torch.tensor([True, False]).sum()
torch.tensor([True, False]).float().mean()
torch.tensor([1, 2, 3]).float().mean()
torch.tensor([1, 2, 3]).sum()
torch.tensor([1, 2, 3]).sum(dtype=torch.float)
torch.tensor([1, 2, 3]).max()
torch.tensor([1., 2]).double() + torch.tensor([1., 2])
torch.tensor([1, 2]) == torch.tensor([1, 3])
torch.tensor([1, 2]).eq(1)
torch.max(torch.tensor([[1., 5], [3, 2]]), 1)
torch.max(torch.tensor([[1., 5], [3, 2]]), dim=1).indices
torch.max(torch.tensor([1.]), torch.tensor([2.]))
torch.softmax(torch.arange(24.).view(2, 3, 4) * .1, -1)
torch.std(torch.tensor([1., 2, 4]))
torch.var(torch.tensor([1., 2, 4]), unbiased=False)
torch.median(torch.tensor([1., 2, 3, 4]))
torch.quantile(torch.tensor([1., 2, 3, 4]), 0.3)
torch.sort(torch.tensor([3, 1, 2]), descending=True)
torch.argsort(torch.tensor([3, 1, 2]))
torch.topk(torch.tensor([3., 1, 2]), 2)
torch.unique(torch.tensor([3, 1, 1]), return_counts=True)
torch.bincount(torch.tensor([3, 1, 1]))
torch.cumsum(torch.tensor([1, 2, 3]), 0)
torch.round(torch.tensor([0.5, 1.5, 2.5, -0.5]))
torch.round(torch.tensor([1.2345]), decimals=2)
torch.where(torch.tensor([1, 0, 1]) > 0)
torch.where(torch.tensor([1, 0, 1]) > 0, 1., 0.)
torch.where(torch.tensor([True, False]), torch.tensor([1, 2]), torch.tensor(0.5))
torch.nonzero(torch.tensor([1, 0, 1]))
torch.nonzero(torch.tensor([1, 0, 1]), as_tuple=True)
torch.tensor([1, 0, 1]).nonzero().squeeze()
torch.tensor([[1, 2], [3, 4]])[:, 0]
torch.tensor([[1, 2], [3, 4]])[[0, 1], [1, 0]]
torch.tensor([[1, 2], [3, 4]])[torch.tensor([True, False])]
torch.tensor([[1, 2], [3, 4]])[..., None].shape
torch.tensor([1, 2, 3])[-1]
torch.tensor([1, 2, 3])[torch.tensor(1)]
torch.tensor([1, 2, 3])[1:].tolist()
len(torch.ones(3, 2))
int(torch.tensor(3.7))
float(torch.tensor(3))
bool(torch.tensor([0.]))
f"{torch.tensor(3.14159):.2f}"
f"{torch.tensor(3):d}"
f"{torch.tensor(0.5):.1%}"
torch.device("cpu").type
torch.ones(2).dtype == torch.float32
torch.ones(2).dtype is torch.float32
torch.ones(2, 3).size()
torch.ones(2, 3).size(1)
torch.ones(2, 3).numel()
torch.ones(2, 3).view(-1).shape
torch.ones(2, 3).reshape(3, 2).stride()
torch.ones(2, 3).t().is_contiguous()
torch.ones(2, 3).T.shape
torch.ones(1, 2, 1).squeeze().shape
torch.ones(1, 2, 1).squeeze(0).shape
torch.ones(2).unsqueeze(-1).shape
torch.ones(2, 3).expand(4, 2, 3).shape
torch.ones(2, 3).repeat(2, 2).shape
torch.ones(2, 3).flatten().shape
torch.ones(2, 3, 4).transpose(1, 2).shape
torch.ones(2, 3, 4).permute(2, 0, 1).shape
torch.cat([torch.ones(2), torch.zeros(1, dtype=torch.long)])
torch.stack([torch.ones(2), torch.zeros(2)], dim=1)
torch.split(torch.arange(5), 2)
torch.chunk(torch.arange(5), 2)
torch.einsum('ij,kj->ik', torch.ones(2, 3), torch.ones(4, 3))
torch.matmul(torch.ones(2, 3), torch.ones(3))
torch.ones(2, 3) @ torch.ones(3, 2)
torch.dot(torch.ones(3), torch.ones(3))
torch.norm(torch.tensor([3., 4.]))
torch.tensor([3., 4.]).norm(p=1)
torch.clamp(torch.tensor([-1., 2.]), 0, 1)
torch.tensor([-1., 2.]).clamp_(min=0)
torch.sign(torch.tensor([-2., 0., 3.]))
torch.abs(torch.tensor([-2, 3]))
torch.exp(torch.tensor(1))
torch.sigmoid(torch.tensor([0]))
torch.sqrt(torch.tensor([4]))
torch.log(torch.tensor([0., 1.]))
torch.eye(2)
torch.full((2,), 3)
torch.full((2,), 3.)
torch.zeros(2, dtype=torch.bool)
torch.empty(0).shape
torch.triu(torch.ones(3, 3), diagonal=1)
torch.tril(torch.ones(3, 3)).bool()
torch.meshgrid(torch.arange(2), torch.arange(3), indexing='ij')[1]
torch.isclose(torch.tensor([1.]), torch.tensor([1. + 1e-9]))
torch.allclose(torch.ones(2), torch.ones(2))
torch.equal(torch.ones(2), torch.ones(3))
torch.all(torch.tensor([1, 0]))
torch.any(torch.tensor([[1, 0], [0, 0]]), dim=1)
torch.argmax(torch.tensor([[1, 5], [7, 2]]))
torch.tensor([[1, 5], [7, 2]]).argmax(dim=1, keepdim=True)
torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0], [1]]))
torch.zeros(2, 3).scatter_(1, torch.tensor([[0], [2]]), 1.)
torch.zeros(3).index_add_(0, torch.tensor([0, 2, 0]), torch.ones(3))
torch.masked_select(torch.arange(4), torch.arange(4) > 1)
torch.arange(4.).masked_fill(torch.arange(4) > 1, float('-inf'))
F.one_hot(torch.tensor([0, 2]))
F.one_hot(torch.tensor([0, 2]), num_classes=4).float()
F.pad(torch.ones(1, 2), (1, 2))
F.mse_loss(torch.tensor([1., 2.]), torch.tensor([0., 0.]), reduction='sum')
F.cross_entropy(torch.tensor([[1., 2., 3.]]), torch.tensor([1]))
F.cross_entropy(torch.tensor([[1., 2., 3.]]), torch.tensor([1]), label_smoothing=0.1)
F.nll_loss(torch.tensor([[-1., -2.]]), torch.tensor([1]), reduction='none')
F.binary_cross_entropy_with_logits(torch.tensor([1., -2.]), torch.tensor([1., 0.]), pos_weight=torch.tensor([2., 3.]))
F.smooth_l1_loss(torch.tensor([1., 5.]), torch.tensor([0., 0.]))
F.gelu(torch.tensor([1., -1.]))
F.gelu(torch.tensor([1., -1.]), approximate='tanh')
F.leaky_relu(torch.tensor([1., -1.]))
F.normalize(torch.tensor([[3., 4.]]))
F.layer_norm(torch.arange(6.).view(2, 3), (3,))
F.interpolate(torch.arange(4.).view(1, 1, 2, 2), scale_factor=2)
F.interpolate(torch.arange(4.).view(1, 1, 2, 2), size=(3, 3), mode='bilinear', align_corners=True)
F.avg_pool2d(torch.arange(16.).view(1, 1, 4, 4), 3, stride=1, padding=1)
F.max_pool2d(torch.arange(16.).view(1, 1, 4, 4), 2, return_indices=True)
F.unfold(torch.arange(16.).view(1, 1, 4, 4), 3).shape
F.cosine_similarity(torch.tensor([[1., 2.]]), torch.tensor([[2., 1.]]))
F.kl_div(torch.tensor([-1., -2.]), torch.tensor([.4, .6]), reduction='batchmean')
nn.utils.clip_grad_norm_([nn.Parameter(torch.ones(2))], 1.0)
[n for n, _ in nn.LSTM(2, 3, 2, bidirectional=True).named_parameters()]
[n for n, _ in nn.MultiheadAttention(4, 2).named_parameters()]
[n for n, _ in nn.TransformerDecoderLayer(4, 2).named_parameters()]
[n for n in nn.BatchNorm2d(3).state_dict()]
[n for n in nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).state_dict()]
nn.Linear(2, 3).weight.shape
nn.Linear(2, 3).weight.requires_grad
nn.Conv2d(1, 2, 3)(torch.ones(1, 5, 5)).shape
nn.Embedding(5, 3, padding_idx=0)(torch.tensor([0, 1])).shape
nn.Embedding(5, 3, padding_idx=0).weight[0]
nn.Module().training
list(nn.Sequential(nn.Linear(2, 3), nn.ReLU())._modules)
list(nn.BatchNorm1d(3)._parameters), list(nn.BatchNorm1d(3)._buffers)
nn.init._calculate_fan_in_and_fan_out(torch.ones(4, 3, 2, 2))
isinstance(nn.Parameter(torch.ones(1)), torch.Tensor)
type(nn.Parameter(torch.ones(1)).data).__name__
torch.ones(2, requires_grad=True).detach().requires_grad
(torch.ones(2, requires_grad=True) * 2).is_leaf
torch.ones(2).grad is None
torch.is_grad_enabled()
torch.tensor([1., 2.]).tolist()
torch.tensor([1., 2.]).numpy().dtype.name
np.asarray(torch.tensor([1, 2])).dtype.name
torch.from_numpy(np.arange(3)).dtype == torch.int64
np.mean(torch.tensor([4., 9.]).numpy())
sum(torch.tensor([1, 2, 3]))
max(torch.tensor([1, 2, 3]))
list(torch.tensor([1, 2]))
torch.tensor(1) in torch.tensor([1, 2])
1 in torch.tensor([1, 2])
torch.tensor([[1., 2.]]).item()
torch.tensor(2) > 1 and True
not torch.tensor(0)
round(float(torch.tensor(2.567)), 2)
abs(torch.tensor([-1.]))
torch.tensor([1, 2]).float().std()
torch.tensor([1.]).std()
torch.ones(0).mean()
torch.ones(0).sum()
torch.ones(0).max()
torch.ones(2, 3).mean(dim=(0, 1))
torch.ones(2, 3).sum(1, keepdim=True).shape
torch.ones(2, 3).var(0)
torch.rand(3, generator=torch.Generator().manual_seed(0)).shape
torch.randint(0, 10, (3,)).dtype == torch.int64
torch.randn(2, 3, dtype=torch.float64).dtype == torch.float64
torch.randperm(4).dtype == torch.int64
torch.bernoulli(torch.ones(3))
torch.multinomial(torch.tensor([0., 1.]), 2, replacement=True)
torch.normal(0., 0., (2,))
torch.tensor([1, 2], dtype=torch.int8) + 300
torch.tensor([200], dtype=torch.uint8) + torch.tensor([100], dtype=torch.uint8)
torch.tensor([1], dtype=torch.uint8) - 2
-torch.tensor([1], dtype=torch.uint8)
torch.tensor([3]) / torch.tensor([0])
torch.tensor([3.]) / 0
torch.tensor([3]) // torch.tensor([0])
torch.bitwise_and(torch.tensor([5]), 3)
~torch.tensor([True])
torch.tensor([5]) & 3
torch.tensor([1]) << 2
torch.tensor([True]) ^ torch.tensor([True])
-torch.tensor([True])
torch.tensor([True]) - torch.tensor([True])
torch.ones(3)[5]
torch.ones(2, 3) + torch.ones(4)
torch.ones(2, 3) @ torch.ones(2, 3)
torch.ones(2, 3).view(5)
torch.cat([torch.ones(2, 2), torch.ones(3)])
nn.Linear(2, 3)(torch.ones(4))
F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 5]))
F.cross_entropy(torch.ones(2, 3), torch.tensor([0., 1.]))
torch.ones(2).backward()
torch.ones(2, requires_grad=True).backward()
torch.ones(2, requires_grad=True).numpy()
torch.tensor([1, 2], requires_grad=True)
bool(torch.ones(2))
float(torch.ones(2))
torch.tensor('a')
torch.ones(2).foo
torch.ones(2, requires_grad=True).add_(1)
torch.LongTensor([1, 2])
torch.FloatTensor([1, 2])
torch.FloatTensor(2, 3).shape
torch.ByteTensor(np.array([[1, 2]]))
torch.ones(2).type(torch.LongTensor)
torch.ones(2).type("torch.DoubleTensor")
isinstance(torch.ones(2), torch.FloatTensor)
isinstance(torch.ones(2), torch.LongTensor)
torch.autograd.Variable(torch.ones(2), requires_grad=True) * 2
torch.pi + torch.e
torch.isinf(torch.tensor([torch.inf, torch.nan]))
torch.ones(2, 3)[:, torch.newaxis].shape
torch.Size([1, 2])
isinstance(torch.ones(2).shape, torch.Size)
isinstance(torch.float32, torch.dtype)
torch.tensor([1., -2.]).where(torch.tensor([True, False]), 0)
torch.tensor([1., -2.]).where(torch.tensor([[True], [False]]), torch.tensor(3).double())
torch.ones(2, 3).ndimension()
isinstance(torch.ones(2).dtype, torch.dtype)
torch.repeat_interleave(torch.tensor([1, 0, 2]))
torch.repeat_interleave(torch.tensor([1.5]))
F.kl_div(torch.zeros(3), torch.tensor([-1., 0., 2.]), reduction="none")
nn.utils.rnn.pad_sequence([torch.ones(3, 2), torch.zeros(1, 2)])
nn.utils.rnn.pad_sequence([torch.arange(3), torch.arange(1)], batch_first=True, padding_value=9)
nn.utils.rnn.pad_sequence([torch.ones(3), torch.ones(1)], True, -1.0, "left")
torch.use_deterministic_algorithms(False)
torch.autograd.grad((x := torch.ones(2, requires_grad=True)).sum(), x, only_inputs=True)[0]
nn.Linear(2, 3).load_state_dict(nn.Linear(2, 3).state_dict())
torch.Tensor([1, 2])
torch.Tensor(2, 3).shape
torch.Tensor(3).shape
torch.Tensor()
F.cosine_similarity(torch.tensor([[[1., 2.], [4., 0.]]]), torch.tensor([[[1., 2.]], [[3., 1.]]]), dim=-2)
F.cosine_similarity(torch.tensor([1., 2.]), torch.tensor([[3.], [4.]]), dim=0)
torch.autograd.grad(torch.tensor([1., 2., 4.]).quantile(q := torch.tensor(.3, requires_grad=True)), q)[0]
torch.take_along_dim(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[-1], [0]]), 1)
torch.tensordot(torch.ones(1, 3), torch.arange(6.).reshape(2, 3), dims=([0], [0]))
torch.tensordot(torch.arange(6.).reshape(2, 3), torch.ones(1, 1, 2), dims=([1, 0], [0, 1]))
torch.logspace(0, 1.2, 4, dtype=torch.int64)
F.hardtanh(torch.tensor([-3, 0, 2]))
F.hardtanh(torch.tensor([-3, 0, 2]), -1.5, 1.5)
F.relu6(torch.tensor([-3, 0, 9]))
F.pixel_shuffle(torch.ones(1, 4, 0, 1), 2)
torch.isclose(torch.ones(1), torch.ones(1), rtol=-1)
torch.linalg.solve_triangular(torch.ones(2, 3), torch.ones(3, 1), upper=True)
torch.linalg.solve_triangular(torch.ones(3, 2), torch.ones(1, 3), upper=False, left=False, unitriangular=True)
(lambda x: torch.lerp(x, x, 0.3))(torch.tensor([1., torch.inf]))
torch.lerp(torch.tensor([1., 2.]), torch.tensor([[3.], [5.]]), torch.tensor([0.2, 0.9]))
torch.Tensor([1], [2])
nn.Parameter(torch.Tensor(2, 3)).requires_grad
torch.linalg.nothing
torch.Tensor([[True, False]])
""".strip().splitlines()


def facts(m, x):
    """Take a result apart: tensors to dtype and array, shapes to tuples."""
    if m.is_tensor(x):
        return x.detach().numpy().dtype, tuple(x.shape), x.detach().numpy()
    if isinstance(x, tuple | list):
        return tuple(facts(m, v) for v in x)
    return x


def agree(a, b):
    """Compare what was taken apart; numbers may differ in the last places."""
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(agree, a, b))
    if isinstance(a, np.ndarray | float):
        return np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
    return type(a) is type(b) and a == b or (a is b)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("line", LINES)
def test_a_line_has_pytorch_s_value(line):
    torch = pytest.importorskip("torch")
    found = []
    for m in (tg, torch):
        try:
            found.append(facts(m, eval(line, {"torch": m, "nn": m.nn, "F": m.nn.functional, "np": np})))
        except Exception as error:
            known = m is torch or isinstance(error, tg.TinygradError | TypeError | AttributeError)
            found.append(f"refused: {line}" if known else error)
    assert agree(*found), found
