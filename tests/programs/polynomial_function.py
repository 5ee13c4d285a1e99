"""A sine fitted by a cubic that is an autograd.Function of its own, with a hand-written derivative."""

import math

import torch

losses = []


class Chebyshev3(torch.autograd.Function):
    """T3(x) = 4x³ - 3x."""

    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 4 * input**3 - 3 * input

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * (12 * input**2 - 3)


dtype = torch.float
device = torch.device("cpu")
# device = torch.device("cuda:0")

x = torch.linspace(-math.pi, math.pi, 2000, device=device, dtype=dtype)
y = torch.sin(x)

a = torch.full((), 0.0, device=device, dtype=dtype, requires_grad=True)
b = torch.full((), -1.0, device=device, dtype=dtype, requires_grad=True)
c = torch.full((), 0.0, device=device, dtype=dtype, requires_grad=True)
d = torch.full((), 0.2, device=device, dtype=dtype, requires_grad=True)

learning_rate = 5e-6
for t in range(100):
    T3 = Chebyshev3.apply
    y_pred = a + b * T3(c + d * x)
    loss = (y_pred - y).pow(2).sum()
    losses.append(loss.item())
    if t % 10 == 9:
        print(t, loss.item())
    loss.backward()
    with torch.no_grad():
        a -= learning_rate * a.grad
        b -= learning_rate * b.grad
        c -= learning_rate * c.grad
        d -= learning_rate * d.grad
        a.grad = None
        b.grad = None
        c.grad = None
        d.grad = None

print(f"y = {a.item()} + {b.item()} T3({c.item()} + {d.item()} x)")

# the derivative of the derivative goes through backward's own operations
z = torch.tensor([0.5, -1.0], dtype=torch.float64, requires_grad=True)
print(torch.autograd.gradcheck(Chebyshev3.apply, (z,)), torch.autograd.gradgradcheck(Chebyshev3.apply, (z,)))
(slope,) = torch.autograd.grad(Chebyshev3.apply(z).sum(), z, create_graph=True)
losses += torch.autograd.grad(slope.sum(), z)[0].tolist()
