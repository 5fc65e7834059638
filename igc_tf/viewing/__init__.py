"""What people look at: pictures and meshes of results. Takes NumPy arrays, knows no model."""
