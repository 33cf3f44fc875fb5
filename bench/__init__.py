"""The benchmark against peers: ``make bench``. Not part of the product."""
