"""Media: fingerprints of images, video and files, the index that finds them again, and how hostile files are opened."""
