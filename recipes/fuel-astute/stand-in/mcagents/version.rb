# A stand-in: an agent without actions.
class MCollective::Agent::Version < MCollective::RPC::Agent
end
