"""What training minimises. Every function gives one number an image, `[B]`, unless it says otherwise.

The mean over the images of the *global* batch is taken in one place, `objective`, so that the loss does
not depend on how many devices share the batch.
"""
