"""`python -m tinygrad_mnist train | draw | play | doctor | info`. Start reading with line.py, then train.py."""
