"""The ablation of GAMIX-VAE."""

from training.papers.row import Row


def gamix_ablation():
    """Returns the arms of GAMIX-VAE's claims on faces of 64x64, at equal networks and steps; the paper has no figures."""
    arms = {"vae": "faces_vae", "vae_gan": "faces_vae_gan", "gamix_no_gan": "faces_no_gan", "gamix": "faces", "gamix_paper": "faces_paper"}
    return [Row(name, f"gamix_{preset}", features="lenet") for name, preset in arms.items()]
