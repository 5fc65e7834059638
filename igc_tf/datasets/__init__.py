"""Where pictures come from: computed faces, any folder of photos, the collections; see `catalog`."""
