"""Who must wait, who may connect, and who failed how often; pure, and bounded in memory."""
