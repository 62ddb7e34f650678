"""Speed against named references, measured in the same run: `make benchmark`."""
