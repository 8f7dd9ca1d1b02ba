"""How grids of images and curves are drawn; matplotlib is imported when drawing."""

from jaxdl.figures.grids import Panel as Panel
from jaxdl.figures.grids import figure_of_curves as figure_of_curves
from jaxdl.figures.grids import figure_of_images as figure_of_images
from jaxdl.figures.grids import figure_of_test_errors as figure_of_test_errors
from jaxdl.figures.grids import image_grid as image_grid
from jaxdl.figures.grids import new_figure as new_figure
from jaxdl.figures.grids import save_images as save_images
from jaxdl.figures.grids import smoothed as smoothed
from jaxdl.figures.grids import weight_images as weight_images
from jaxdl.figures.texts import seeds_in_words as seeds_in_words
from jaxdl.figures.texts import set_title as set_title
from jaxdl.figures.texts import wrapped as wrapped
