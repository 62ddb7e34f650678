"""Sentence classification with a convolutional network (Kim, EMNLP 2014)."""
