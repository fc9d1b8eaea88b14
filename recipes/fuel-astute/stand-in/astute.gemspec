require_relative 'lib/astute/version'

Gem::Specification.new do |gem|
  gem.name = 'astute'
  gem.version = Astute::VERSION
  gem.summary = "A stand-in for Fuel's orchestrator"
  gem.description = 'The names and the layout of the real gem, and no work.'
  gem.authors = ['pbuild developers']
  gem.email = 'pbuild@example.org'
  gem.homepage = 'https://example.org/'
  gem.license = 'Apache-2.0'
  gem.files = %w[bin lib examples].flat_map { |top| Dir["#{top}/**/*.{rb,yaml}"] } + ['bin/astuted']
  gem.executables << 'astuted'
end
