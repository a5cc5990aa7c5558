// The published package has its class as `default` only; Grafana's code imports it by name.
const scrollbars = require("./node_modules/react-custom-scrollbars-2/lib/index.js");
module.exports = scrollbars.default ?? scrollbars;
module.exports.Scrollbars = scrollbars.Scrollbars;
