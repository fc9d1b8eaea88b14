# A stand-in: a module of Fuel's own, without resources.
class osnailyfacter {
}
