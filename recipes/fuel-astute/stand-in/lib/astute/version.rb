module Astute
  VERSION = '8.0.0'.freeze
end
