"""A picture to capsules: encoder, graphics decomposition (GDM), decoders, assembly."""
