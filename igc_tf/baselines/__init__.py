"""Methods that IGC-Net is measured against."""
