"""Figures, a file a system. matplotlib is imported when drawing."""

from jaxdl.plotting.autoencoder import autoencoder_figures as autoencoder_figures
from jaxdl.plotting.dcgan import dcgan_figures as dcgan_figures
from jaxdl.plotting.gan import gan_figures as gan_figures
from jaxdl.plotting.gan_theory import theory_figures as theory_figures
from jaxdl.plotting.generative import generative_figures as generative_figures
from jaxdl.plotting.greedy import greedy_figures as greedy_figures
from jaxdl.plotting.lenet import lenet_figures as lenet_figures
from jaxdl.plotting.long_lag import adding_figures as adding_figures
from jaxdl.plotting.long_lag import temporal_order_figures as temporal_order_figures
from jaxdl.plotting.memory import memory_figures as memory_figures
from jaxdl.plotting.modes import mode_figures as mode_figures
from jaxdl.plotting.parts import Panel as Panel
from jaxdl.plotting.parts import figure_of_curves as figure_of_curves
from jaxdl.plotting.parts import figure_of_images as figure_of_images
from jaxdl.plotting.parts import figure_of_test_errors as figure_of_test_errors
from jaxdl.plotting.parts import image_grid as image_grid
from jaxdl.plotting.parts import new_figure as new_figure
from jaxdl.plotting.parts import save_images as save_images
from jaxdl.plotting.parts import smoothed as smoothed
from jaxdl.plotting.parts import weight_images as weight_images
from jaxdl.plotting.perceptron import perceptron_figures as perceptron_figures
from jaxdl.plotting.rbm import rbm_figures as rbm_figures
from jaxdl.plotting.signals import activation_gallery as activation_gallery
from jaxdl.plotting.signals import (
    vanishing_gradient_figures as vanishing_gradient_figures,
)
from jaxdl.plotting.text import text_figures as text_figures
from jaxdl.plotting.transfer import transfer_figures as transfer_figures
from jaxdl.plotting.variational import variational_figures as variational_figures
from jaxdl.plotting.xor import xor_figures as xor_figures
from jaxdl.plotting.xor import xor_sweep_figures as xor_sweep_figures
