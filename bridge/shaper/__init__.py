"""Shapes messages in processes of their own, each for one message, with limits that the kernel keeps."""
