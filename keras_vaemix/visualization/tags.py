"""The tags of TensorBoard: the group in which each figure stands, and what it is."""

SCHEDULES = ("beta", "learning_rate", "steps_per_second")
DESCRIPTIONS = {
    "objective/loss": "What training minimises, a mean over examples, in nats if the model has a likelihood. Validation has the last beta.",
    "objective/elbo": "Evidence lower bound on log p(x), with beta = 1, in nats; higher is better.",
    "objective/reconstruction": "Mean of log p(x|z) over draws of the posterior, in nats; higher is better.",
    "objective/kl": "Divergence of the posterior from the prior, in nats: the ELBO is the reconstruction minus this.",
    "objective/kl_gap": "By how much the bound on the divergence that training uses exceeds a Monte Carlo estimate of it, in nats.",
    "objective/pseudo_elbo": "As the ELBO, with a likelihood that is not a density: not a bound on log p(x).",
    "objective/pseudo_reconstruction": "As the reconstruction, with a likelihood that is not a density.",
    "objective/pseudo_kl": "Divergence of the posterior from the prior, in nats.",
    "objective/classification": "Minus log q(c|x) of the known labels, in nats, which training adds to the loss and never to a bound.",
    "objective/prior_penalty": "Minus the scaled log-density of the prior's weights, which training adds to the loss and never to a bound.",
    "objective/prior_loss": "What the prior's own steps minimise.",
    "objective/cost": "Reconstruction cost of an autoencoder, a mean over examples.",
    "objective/penalty": "Penalties on codes and decoder, with their weights.",
    "objective/discrepancy": "Discrepancy between the codes of a batch and draws of the prior; zero if they are alike.",
    "objective/critic_loss": "Loss of the critic that tells codes from draws of the prior.",
    "objective/image_critic_loss": "Loss of the critic that tells examples from decoded mixtures of codes.",
    "objective/generator_loss": "Loss of the generator of latents, which the critic should take for codes.",
    "objective/smoothing_loss": "Loss of decoded mixtures of codes, which the critic of images should take for examples.",
    "objective/ratio_loss": "Loss of the classifier whose logit is the density ratio of aggregate posterior and base.",
    "objective/total_correlation": "Estimated total correlation of the aggregate posterior, in nats; zero if its latents are independent.",
    "objective/discriminator_loss": "Loss of the discriminator.",
    "objective/adversarial": "Loss of decoded images, which the discriminator should take for examples, times its weight.",
    "objective/moment_kl": "Divergence of the normal with the moments of the aggregate posterior from the prior, times its weight.",
    "objective/variance_kl": "Divergence that pulls the variance of each posterior towards its target, times its weight.",
    "objective/aggregate_variance": "Variance of the aggregate posterior, a mean over latents; one if it is that of the prior.",
    "objective/masked_variance": "Penalty on the variance of latents that the mask removes.",
    "objective/mask_loss": "Loss of the mask.",
    "objective/active_dimensions": "Number of latents that the mask keeps.",
    "schedules/beta": "Weight of the divergence in training, which a warm-up raises.",
    "schedules/learning_rate": "Learning rate of the model's optimizer.",
    "schedules/steps_per_second": "Train steps in a second.",
    "components/use": "Mean responsibility of each component for the shown examples (bars), and its weight in the prior (line).",
    "components/perplexity": "Number of components in use: the exponential of the entropy of their use.",
    "components/dead": "Number of components whose use is less than a tenth of 1 / K.",
    "components/cluster_accuracy": "Accuracy of the components as classes, matched one to one with the labels of these same examples.",
    "components/categories": "Labels of the examples of each component, as fractions of its examples.",
    "components/pseudo_inputs": "Pseudo-inputs of the prior, in order of their indices.",
    "images/reconstructions": "Examples, with missing values in red, and below each its reconstruction.",
    "images/samples": "Decoded draws from the prior that the model samples from; of a mixture a row for each component, heaviest first.",
    "latents/covariance": "Covariance of the latents of the shown examples.",
    "latents/effects": "Mean change of a value of the decoded example when a latent moves by one standard deviation to either side.",
    "latents/variants": "One example, with the two latents of the largest effect varied.",
    "latents/transitions": "Decoded points on the lines between the latents of two examples.",
    "latents/mask": "Values of the mask, one for each latent: latents near zero are not used.",
}
OF_GROUPS = {
    "kl_gap": "Bound on the divergence minus its Monte Carlo estimate, in nats; zero if it is tight.",
    "mask": "Value of the mask of this latent: near zero, the latent is not used.",
}


def scalar_tag(name):
    """Returns the tag of a figure of training: in the group of its name, if it has one, or of schedules, or of the objective."""
    return name if "/" in name else f"{'schedules' if name in SCHEDULES else 'objective'}/{name}"


def description(tag):
    """Returns what is shown under a tag, or None for a figure that is not known here."""
    return DESCRIPTIONS.get(tag, OF_GROUPS.get(tag.partition("/")[0]))
