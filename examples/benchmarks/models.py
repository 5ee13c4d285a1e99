"""The five newer models, each written once for both packages: `m` is tinygrad_mnist or torch.

Only the name of the module differs, so what the benchmark compares is the same program. Look next at steps.py.
"""

from __future__ import annotations

SIDE = 28
CONTEXT = 64
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))


def resnet(m):
    """Convolution, batch norm and ReLU, three residual blocks of 16, 32 and 64 channels, the mean over all places."""
    nn = m.nn

    def convolution(narrow, wide, stride=1, side=3):
        return nn.Sequential(
            nn.Conv2d(narrow, wide, side, stride, padding=side // 2, bias=False), nn.BatchNorm2d(wide)
        )

    class Block(nn.Module):
        def __init__(self, narrow, wide, stride):
            super().__init__()
            self.first, self.second = convolution(narrow, wide, stride), convolution(wide, wide)
            self.shortcut = nn.Identity() if narrow == wide else convolution(narrow, wide, stride, side=1)
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.second(self.relu(self.first(x))) + self.shortcut(x))

    return nn.Sequential(
        convolution(1, 16), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def vit(m, patch=7, width=64, heads=4, blocks=4):
    """A vision transformer on the 16 patches of 7 x 7 pixels: encoder layers with GELU, norms first."""
    nn = m.nn

    class ViT(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(1, width, kernel_size=patch, stride=patch)
            self.places = nn.Parameter(m.zeros(1, (SIDE // patch) ** 2, width))
            layer = nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            self.encoder = nn.TransformerEncoder(layer, blocks, nn.LayerNorm(width), enable_nested_tensor=False)
            self.head = nn.Linear(width, 10)

        def forward(self, x):
            x = self.patches(x).flatten(2).transpose(1, 2) + self.places
            return self.head(self.encoder(x).mean(1))

    return ViT()


def gpt(m, width=64, heads=4, blocks=2):
    """A decoder of characters: causal attention and GELU written out, norms first, a bias in every layer."""
    nn = m.nn
    F = nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.joined, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def attend(self, x):
            n, length, _ = x.shape
            q, k, v = (
                part.view(n, length, heads, width // heads).transpose(1, 2) for part in self.joined(x).split(width, 2)
            )
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(mixed.transpose(1, 2).reshape(n, length, width))

        def forward(self, x):
            x = x + self.attend(self.norm1(x))
            return x + self.feed(self.norm2(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.characters, self.places = nn.Embedding(len(CHARACTERS), width), nn.Embedding(CONTEXT, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(blocks)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, len(CHARACTERS))

        def forward(self, x):
            x = self.characters(x) + self.places(m.arange(x.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    return GPT()


def gru(m, hidden=128):
    """A GRU that reads an image row by row; the state after the last row is classified."""
    nn = m.nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.rows, self.head = nn.GRU(SIDE, hidden, batch_first=True), nn.Linear(hidden, 10)

        def forward(self, x):
            out, _ = self.rows(x)
            return self.head(out[:, -1])

    return Reader()


def autoencoder(m):
    """Two convolutions of stride 2 and two transposed ones that lead back to the image."""
    nn = m.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=1), nn.Sigmoid(),
    )  # fmt: skip


MODELS = {"resnet": resnet, "vit": vit, "gpt": gpt, "gru": gru, "autoencoder": autoencoder}


def loss_of(m, model, name):
    """Give the loss as a function of inputs and targets: the mean cross-entropy, of images the mean squared error."""
    if name == "autoencoder":
        loss_function = m.nn.MSELoss()
        return lambda x, target: loss_function(model(x), x)
    loss_function = m.nn.CrossEntropyLoss()
    if name == "gpt":
        return lambda x, target: loss_function(model(x).flatten(0, 1), target.flatten())
    return lambda x, target: loss_function(model(x), target)
