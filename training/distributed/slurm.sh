#!/bin/bash
# Trains a preset on the nodes of a Slurm job, one worker per node with all of its GPUs: sbatch training/distributed/slurm.sh PRESET [FLAGS].
#SBATCH --job-name=vaemix
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# The run folder, relative to where sbatch is called, must be on a file system that all nodes share.
# After a failure, or when the time is up, the same command resumes from the last checkpoint.
set -euo pipefail
srun --kill-on-bad-exit=1 bash -c 'TF_CONFIG="$(python -m training.slurm)" exec python -m training.train "$@" --strategy multiworker --resume' train "$@"
