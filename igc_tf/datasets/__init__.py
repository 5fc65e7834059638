"""Where photos come from: the embedded synthetic faces, or any folder of photos."""
