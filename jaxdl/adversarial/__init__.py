"""The kit of generative adversarial networks: networks, losses, steps, measures."""
