"""What shows the GIFs that the gallery's scripts save: a scraper of sphinx-gallery."""

import pathlib
import shutil

from sphinx_gallery.scrapers import figure_rst


def collect(block, block_vars, gallery_conf):
    """Move the GIFs that a block of code names to the images; return the reST of them."""
    _, code, _ = block
    folder = pathlib.Path(block_vars["src_file"]).parent
    shown = []
    for gif in sorted(folder.glob("*.gif")):
        if gif.name not in code:
            continue  # left by a script that was run by hand
        path = pathlib.Path(block_vars["image_path_iterator"].next()).with_suffix(".gif")
        shutil.move(gif, path)
        shown.append(str(path))
    return figure_rst(shown, gallery_conf["src_dir"])
