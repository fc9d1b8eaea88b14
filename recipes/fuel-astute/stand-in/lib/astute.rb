require 'astute/version'

# A stand-in: the real module's name, and no work.
module Astute
  def self.name_and_version
    "astuted #{VERSION}: a stand-in, it does nothing"
  end
end
