"""What the recipes share: data, devices, training, metrics, results."""
