"""TFDS builders of the collections of photos that the paper and Unsup3D train on.

Each reads the folder that the collection ships as, which its user obtained under the collection's
own license; docs/data.md has the layouts. `base.py` is what they share: the photos go into the TFDS
data set as they are, or made smaller, with what is known of them; `igc_tf.datasets.crops` cuts them
afterwards.
"""
