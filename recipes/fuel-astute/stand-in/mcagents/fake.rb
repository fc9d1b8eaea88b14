# A stand-in: an agent without actions.
class MCollective::Agent::Fake < MCollective::RPC::Agent
end
