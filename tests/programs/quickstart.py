"""Data, a model, training, saving and loading: a first tour, with a checkpoint from which training goes on."""

import os

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split
from torchvision import datasets
from torchvision.transforms import Compose, Lambda, Normalize, ToTensor

losses = []

transform = Compose([ToTensor(), Normalize((0.5,), (0.5,))])
one_hot = Lambda(lambda y: torch.zeros(10, dtype=torch.float).scatter_(0, torch.tensor(y), value=1))
training_data = datasets.MNIST(root="../data", train=True, download=True, transform=transform)
test_data = datasets.MNIST(root="../data", train=False, download=True, transform=transform, target_transform=one_hot)

batch_size = 64
train_dataloader = DataLoader(training_data, batch_size=batch_size, shuffle=True, drop_last=True)
test_dataloader = DataLoader(test_data, batch_size=batch_size)
for X, y in test_dataloader:
    print(f"Shape of X [N, C, H, W]: {X.shape}")
    print(f"Shape of y: {y.shape} {y.dtype}")
    break
print(len(training_data), len(test_data))

device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
if hasattr(torch, "accelerator") and torch.accelerator.is_available():
    device = torch.accelerator.current_accelerator().type
print(f"Using {device} device")


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28 * 28, 512),
            nn.ReLU(),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, 10),
        )

    def forward(self, x):
        x = self.flatten(x)
        logits = self.linear_relu_stack(x)
        return logits


model = NeuralNetwork().to(device)
print(model)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)


def train(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        X, y = X.to(device), y.to(device)
        pred = model(X)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if batch % 10 == 0:
            loss, current = loss.item(), (batch + 1) * len(X)
            print(f"loss: {loss:>7f}  [{current:>5d}/{size:>5d}]")


def test(dataloader, model, loss_fn):
    size, num_batches = len(dataloader.dataset), len(dataloader)
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for X, y in dataloader:
            X, y = X.to(device), y.to(device)
            pred = model(X)
            test_loss += loss_fn(pred, y).item()  # with probabilities as targets
            correct += (pred.argmax(1) == y.argmax(1)).type(torch.float).sum().item()
    losses.append(test_loss / num_batches)
    print(f"Test: accuracy {100 * correct / size:>0.1f}%, mean loss {test_loss / num_batches:>8f}\n")


train(train_dataloader, model, loss_fn, optimizer)
test(test_dataloader, model, loss_fn)

torch.save(model.state_dict(), "model.pth")
torch.save({"epoch": 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, "checkpoint.pt")
print("saved", os.path.exists("model.pth"), os.path.exists("checkpoint.pt"))

model = NeuralNetwork().to(device)
print(model.load_state_dict(torch.load("model.pth", weights_only=True)))
checkpoint = torch.load("checkpoint.pt", map_location=device)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
optimizer.load_state_dict(checkpoint["optimizer"])
for _ in range(checkpoint["epoch"], 2):
    train(train_dataloader, model, loss_fn, optimizer)
test(test_dataloader, model, loss_fn)

model.eval()
x, y = test_data[0][0], test_data[0][1]
with torch.no_grad():
    pred = model(x.to(device))
    predicted, actual = training_data.classes[pred[0].argmax(0)], training_data.classes[y.argmax(0)]
    print(f'Predicted: "{predicted}", Actual: "{actual}"', nn.Softmax(dim=1)(pred).sum().item() > 0.999)


class Inverted(Dataset):
    """A dataset of one's own: the digits of another, dark on light."""

    def __init__(self, base, transform=None):
        self.base, self.transform = base, transform

    def __len__(self):
        return len(self.base)

    def __getitem__(self, idx):
        image, label = self.base[idx]
        image = 1 - image
        return (self.transform(image) if self.transform else image), label


train_part, rest = random_split(Inverted(training_data), [0.25, 0.75], generator=torch.Generator().manual_seed(0))
images, labels = next(iter(DataLoader(train_part, batch_size=32, shuffle=True)))
print(len(train_part), len(rest), images.size(), labels.size(), images[0].squeeze().shape, labels[0].dtype)
