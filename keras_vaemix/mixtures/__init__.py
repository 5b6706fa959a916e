"""Mixtures: their components, their density as a matrix product, their sampler, and their fit."""
