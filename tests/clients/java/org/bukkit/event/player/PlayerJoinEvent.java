package org.bukkit.event.player;

import org.bukkit.entity.Player;

public record PlayerJoinEvent(Player getPlayer) {}
