"""A scraper of sphinx-gallery for the GIFs that the example scripts save."""

import pathlib
import shutil

from sphinx_gallery.scrapers import figure_rst


def collect(block, block_vars, gallery_conf):
    """Move the GIFs that a code block saves to the images, and return their reST."""
    _, code, _ = block
    folder = pathlib.Path(block_vars["src_file"]).parent
    shown = []
    for gif in sorted(folder.glob("*.gif")):
        if gif.name not in code:
            continue  # left over from a manual run of another script
        path = pathlib.Path(block_vars["image_path_iterator"].next()).with_suffix(".gif")
        shutil.move(gif, path)
        shown.append(str(path))
    titles = "Reconstructions by epoch, as an animation"
    return figure_rst(shown, gallery_conf["src_dir"], fig_titles=titles)
