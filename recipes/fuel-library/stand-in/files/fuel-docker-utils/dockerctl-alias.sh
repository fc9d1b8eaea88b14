# A stand-in has no alias to set.
