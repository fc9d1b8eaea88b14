# A stand-in: an agent without actions.
module MCollective
  module Agent
    class Version < RPC::Agent
    end
  end
end
