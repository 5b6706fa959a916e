"""What `dir(model)` leaves out: what only subclasses, training and export use. `dir` of the class has all of it."""

OF_SUBCLASSES = """
accompaniments batch_latent_means batch_responsibilities check check_batch_size check_columns couples_examples decoded_batch_size
decoder_params default_optimizers draws export_model histograms learns_labels metric_names num_strata penalty supports_xla terms updates
"""
OF_TRAINING = """
all_variables averaging can_warm_up check_gradients draw_counter epochs_done estimate_anew estimates evaluated evaluation_seed
figure_name has_clusters has_posterior_density has_unbiased_kl is_validated minimize next_seed not_finite optimizer_of parts record
scaled seed_for steps_done track unsupported values_of_example variables_of
"""
OF_COMPUTATION = """
as_batch centers checked code codes costs decode_params decode_sizes discrepancy draw draw_pixels encoder_outputs fake family generate
global_moments infer kl latents likelihood_params log_px lower_params map_batches masked_variance mean_and_log_variance mixed noise
pixel_params posteriors prior_draws real recipe_optimizer sampled_by score top_params
"""
UNLISTED = frozenset(f"{OF_SUBCLASSES} {OF_TRAINING} {OF_COMPUTATION}".split())  # but for what is an argument of a model's constructor
