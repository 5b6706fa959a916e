"""Embeddings of latents, in which clusters are easier to find than in the latents themselves."""

import importlib.util

import numpy as np

from keras_vaemix.core.part import check_positive, require


class UMAP:
    """The UMAP embedding of latents, which keeps neighbours together and moves clusters apart.

    It needs `umap-learn`, the extra `umap`.

    Args:
        num_dims: Dimensions of the embedding.
        num_neighbors: Number of neighbours of a point that count as near.
        min_dist: Smallest distance between embedded points; 0 packs clusters most densely.

    Raises:
        ValueError: `umap-learn` is not installed.

    Reference: L. McInnes, J. Healy, J. Melville, *UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction*, 2018;
    R. McConville et al., *N2D: (Not Too) Deep Clustering via Clustering the Local Manifold of an Autoencoded Embedding*, 2020.
    """

    def __init__(self, num_dims=10, num_neighbors=20, min_dist=0.0):
        check_positive(num_dims=num_dims, num_neighbors=num_neighbors)
        require(min_dist >= 0, "min_dist >= 0", min_dist=min_dist)
        is_installed = importlib.util.find_spec("umap") is not None
        require(is_installed, 'umap-learn to be installed: pip install ".[umap]" in a clone, or umap-learn', umap=None)
        self.num_dims, self.num_neighbors, self.min_dist = num_dims, num_neighbors, min_dist

    def __call__(self, z, seed):
        """Returns the embedding [N, num_dims] of latents z [N, D], a function of an integer seed."""
        import umap

        require(len(z) > self.num_neighbors, f"more than num_neighbors={self.num_neighbors} latents", latents=len(z))
        embedding = umap.UMAP(self.num_neighbors, self.num_dims, min_dist=self.min_dist, random_state=seed, n_jobs=1)
        return np.asarray(embedding.fit_transform(z))
