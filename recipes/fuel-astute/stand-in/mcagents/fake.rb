# A stand-in: an agent without actions.
module MCollective
  module Agent
    class Fake < RPC::Agent
    end
  end
end
