# A stand-in has nothing to run.
