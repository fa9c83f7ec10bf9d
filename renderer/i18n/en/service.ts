export default {
  dns: 'Name in the cluster',
  affinity: 'Session affinity',
  port: 'Port',
  target: 'Target port',
  endpoints: 'Endpoints',
  address: 'Address',
  noEndpoints: 'No pod answers for this Service: none with the labels {selector} is there.',
  noSelector: 'This Service has no selector; its endpoints are made by somebody else.',
  open: 'On this computer',
};
