"""Methods that IGC-Net is measured against."""

#: The methods that find parts, and the network of `igc_tf.features` whose features each takes by default.
PART_METHODS = {"kmeans": "efficientnet", "dff": "vgg16", "scops": "vgg16"}
