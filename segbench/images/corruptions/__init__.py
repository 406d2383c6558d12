"""The common corruptions of Hendrycks and Dietterich, for images of any size; a file for each of their groups."""
