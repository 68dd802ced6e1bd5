"""What a stack costs: prices and limits (`prices.yaml`), what was done (`Work`), and the bill (`bill.py`)."""
