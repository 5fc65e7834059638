"""What training minimizes. Every function gives one number an image, `[B]`, unless it says otherwise.

The mean over the images of the *global* batch is taken in one place, the training step; what looks at
other images looks at all of that batch, by `devices`. So no loss depends on how many devices share it.
"""
